// What happened in a room, in words. Several of one kind that follow each other are one line.
import type { MessageView, SystemLine } from "@cychat/sdk";
import type { AccountId } from "../state/types.ts";
import { rooms, systemLines as text } from "../strings/rooms.ts";

type Person = SystemLine["actor"];
interface Group {
  readonly key: string;
  readonly lines: SystemLine[];
}

export function systemTexts(lines: readonly SystemLine[], me: AccountId | undefined): readonly string[] {
  const groups: Group[] = [];
  for (const line of lines) {
    const key = keyOf(line);
    const last = groups.at(-1);
    if (last?.key === key) last.lines.push(line);
    else groups.push({ key, lines: [line] });
  }
  return groups.map(({ lines }) => inWords(lines as [SystemLine, ...SystemLine[]], me));
}

/** One line for a list, of the last thing that happened. */
export const systemPreview = (message: MessageView, me: AccountId | undefined) => systemTexts(message.system, me).at(-1) ?? "";

/** The same key: can be said in one sentence. */
function keyOf(line: SystemLine): string {
  if (line.kind === "left") return line.kind;
  if (line.kind === "joined") return line.by === "added" ? `added ${line.actor.id}` : line.by;
  if (line.kind === "role") return `role ${line.role} ${line.succeeded} ${line.actor.id}`;
  if (line.kind === "history") return `history ${line.history} ${line.actor.id}`;
  return `${line.kind} ${line.actor.id}`;
}

function inWords(lines: readonly [SystemLine, ...SystemLine[]], me: AccountId | undefined): string {
  const nameOf = (person: Person, mine: string) => (person.id === me ? mine : person.nickname || rooms.somebody);
  const list = (people: readonly Person[], mine: string) => {
    const once = [...new Map(people.map((person) => [person.id, person])).values()];
    return text.people(once.map((person) => nameOf(person, mine)));
  };
  const whoOf = () => lines.flatMap((line) => ("who" in line ? [line.who] : []));
  const objects = () => list(whoOf(), text.youObject);
  const subjects = () => list(whoOf(), text.you);
  const [first] = lines;
  const actor = nameOf(first.actor, text.you);
  const n = lines.length;

  switch (first.kind) {
    case "created":
    case "deleted":
      return text[first.kind](actor);
    case "left":
      return text.left(
        list(
          lines.map((line) => line.actor),
          text.you,
        ),
      );
    case "joined":
      if (first.by === "added") return text.added(actor, objects());
      return first.by === "link" ? text.joinedByLink(subjects()) : text.joinedByRequest(subjects());
    case "removed":
    case "banned":
    case "unbanned":
      return text[first.kind](actor, objects());
    case "role":
      if (first.succeeded) return text.succeeded(subjects(), first.who.id === me);
      if (first.role === "member") return text.madeMember(actor, objects());
      return first.role === "admin" ? text.madeAdmin(actor, objects(), n) : text.madeOwner(actor, objects(), n);
    case "renamed":
    case "settings":
      return text[first.kind](actor);
    case "history":
      return first.history === "shared" ? text.historyShared(actor) : text.historyJoined(actor);
    case "invite":
      return text.invite(actor, n);
    case "invite-ended":
      return text.inviteEnded(actor, n);
    case "pinned":
    case "unpinned":
      return text[first.kind](actor, n);
  }
}
