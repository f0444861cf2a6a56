// The page runs under `require-trusted-types-for 'script'; trusted-types cychat-worker`: the one policy there is, and
// it lets through nothing but scripts of our own origin, for workers.
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };

const sameOrigin = (url: string): string => {
  if (new URL(url, location.href).origin !== location.origin) throw new Error("Scripts come from this server only.");
  return url;
};

const policy = makePolicy();

function makePolicy(): ReturnType<TrustedTypes["createPolicy"]> | null {
  try {
    return trustedTypes?.createPolicy("cychat-worker", { createScriptURL: sameOrigin }) ?? null;
  } catch {
    // Served under a policy that does not name ours: then there are no workers.
    return null;
  }
}

export const workersAllowed = trustedTypes === undefined || policy !== null;

/** The address of a worker's script, in the form `new Worker` takes here. */
export const workerAddress = (url: string): string => policy?.createScriptURL(url) ?? sameOrigin(url);
