// Getting into an account, whatever happened before: it may not be there yet, or be half made.
import type { Device } from "./device.ts";
import type { Scene } from "./steps.ts";
import type { Account } from "./world.ts";

/** Registers, or logs in with whatever still serves. Gives up where the network does; a quiet point tries again. */
export async function signIn({ random }: Pick<Scene, "random">, account: Account, device: Device): Promise<void> {
  const state = await device.ask("look who is signed in", (client) => client.session());
  if (state.kind !== "done" || state.value.status === "ready") return;
  device.renewStorage();
  const { email, name } = account;
  if (random() < 0.3) {
    for (const recoveryKey of account.recoveryKeys) {
      const entered = await device.ask(
        "recover",
        (client) => client.logInWithRecoveryKey({ email, recoveryKey }),
        "wrong-recovery-key",
        "already-signed-in",
      );
      if (entered.kind !== "refused" || entered.code !== "wrong-recovery-key") return;
    }
  }
  for (const password of account.passwords) {
    const entered = await device.ask(
      "log in",
      (client) => client.logIn({ email, password }),
      "wrong-credentials",
      "already-signed-in",
      // The password was changed by another device right between the log-in and the look at the keys.
      ...(account.passwords.length > 1 ? ["wrong-key"] : []),
    );
    if (entered.kind !== "refused" || entered.code !== "wrong-credentials") return;
  }
  const password = account.passwords.at(-1) ?? "";
  await device.ask(
    "register",
    (client) => client.register({ nickname: name, email, password }),
    "registration-failed",
    "already-signed-in",
  );
}
