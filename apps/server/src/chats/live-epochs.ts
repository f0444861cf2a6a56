// Closed epochs of which some message can still be read: the keys of all others serve nothing any more.
import type { Db } from "../database/engine.ts";
import type { Membership } from "./membership.ts";

export async function readLiveEpochs(db: Db, { conversation, until }: Membership): Promise<number[]> {
  let query = db
    .selectFrom("records as opening")
    .select("opening.epoch")
    .where("opening.conversation", "=", conversation)
    // A record with a new key is the one whose predecessor was of an earlier epoch.
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom("records as before")
            .select("before.idx")
            .whereRef("before.conversation", "=", "opening.conversation")
            .where("before.idx", "=", eb("opening.idx", "-", 1))
            .whereRef("before.epoch", "=", "opening.epoch"),
        ),
      ),
    )
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom("entries")
          .select("entries.seq")
          .whereRef("entries.conversation", "=", "opening.conversation")
          .whereRef("entries.seq", ">", "opening.seq")
          .where("entries.kind", "=", "message")
          .where(
            "entries.seq",
            "<",
            eb
              .selectFrom("records as closing")
              .select("closing.seq")
              .whereRef("closing.conversation", "=", "opening.conversation")
              .where("closing.epoch", "=", eb("opening.epoch", "+", 1))
              .whereRef("closing.idx", ">", "opening.idx")
              .orderBy("closing.idx")
              .limit(1),
          ),
      ),
    );
  if (until !== null) query = query.where("opening.idx", "<=", until.index);
  const rows = await query.orderBy("opening.epoch").execute();
  return rows.map(({ epoch }) => epoch);
}
