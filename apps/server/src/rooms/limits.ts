import { type Rate, RateLimit, scaled } from "../auth/service.ts";

/** Per account. */
const rates = {
  /** Making and joining by name: how names could be tried out. */
  seedRoom: { burst: 60, perMinute: 20 },
  search: { burst: 60, perMinute: 60 },
  /** Each asks other people's devices to do something. */
  ask: { burst: 60, perMinute: 20 },
  /** A device that answers many who lost their keys. */
  letter: { burst: 300, perMinute: 120 },
  invite: { burst: 60, perMinute: 60 },
  /** Further pages of the records that an invite opens. */
  invitePage: { burst: 600, perMinute: 600 },
} as const satisfies Record<string, Rate>;

export type RoomLimits = { readonly [Name in keyof typeof rates]: RateLimit };

/** `scale`: how many times as wide; 0 lifts them all. */
export function createRoomLimits(scale: number, now: () => number): RoomLimits {
  const limit = (name: keyof typeof rates) => new RateLimit(scaled(rates[name], scale), now);
  return {
    seedRoom: limit("seedRoom"),
    search: limit("search"),
    ask: limit("ask"),
    letter: limit("letter"),
    invite: limit("invite"),
    invitePage: limit("invitePage"),
  };
}
