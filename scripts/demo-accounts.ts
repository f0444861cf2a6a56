// Two accounts that know each other and have talked, for `npm run dev`. Takes the server's address; does nothing twice.
import { type ChatClient, ClientError, createClient } from "@cychat/sdk/bun";

const url = process.argv[2];
if (url === undefined) throw new Error("Usage: demo-accounts.ts http://localhost:8000");

const people = [
  { nickname: "Alice", email: "alice@example.org", password: "alice's password" },
  { nickname: "Bob", email: "bob@example.org", password: "bob's password" },
] as const;

/** Null when the account is there already. */
async function register(person: (typeof people)[number]): Promise<ChatClient | null> {
  const client = await createClient({ url: url as string, deviceName: "Demo" });
  try {
    await client.register(person);
    return client;
  } catch (error) {
    await client.close();
    if (error instanceof ClientError && error.code === "registration-failed") return null;
    throw error;
  }
}

const [alice, bob] = await Promise.all(people.map(register));
if (alice && bob) {
  const toBob = await alice.addContact({ email: people[1].email });
  const toAlice = await bob.addContact({ email: people[0].email });
  await alice.sendText((await alice.openDirect(toBob.id)).id, "Hello Bob, this is CyChat.");
  await bob.sendText((await bob.openDirect(toAlice.id)).id, "Hello Alice!");
  await Promise.all([alice, bob].map((client) => client.logOut()));
}
await Promise.all([alice?.close(), bob?.close()]);
console.log(`Demo accounts: ${people.map(({ email, password }) => `${email} / ${password}`).join("   ")}`);
