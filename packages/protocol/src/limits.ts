// Every limit of the wire in one place, units in the names.
export const limits = {
  nicknameChars: 40,
  emailChars: 254,
  phoneChars: 32,
  roomNameChars: 50,
  roomDescriptionChars: 200,
  roomTopicChars: 500,
  roomMembers: 2000,
  roomInvites: 50,
  roomPins: 50,
  roomBans: 1000,
  /** Name, topic and picture of a room under its epoch key, in bytes before base64url. */
  roomProfileBytes: 128 * 1024,
  /** Keys of earlier epochs for one newcomer, in bytes before base64url. */
  historyLetterBytes: 256 * 1024,
  /** A record with the sealed keys of all members beside it, in bytes of JSON. */
  recordBodyBytes: 8 * 1024 * 1024,
  /** Receipts and typing go to everybody in rooms of up to so many members. */
  smallRoomMembers: 100,
  passwordChars: 1024,
  /** The text of one message, in UTF-16 code units; the composer and the SDK refuse more. */
  messageTextChars: 20_000,
  /** One socket frame, in bytes of UTF-8. Larger ones close the socket with 1009. */
  frameBytes: 256 * 1024,
  /** One encrypted envelope, in bytes before base64url. */
  envelopeBytes: 128 * 1024,
  /** One REST body, in bytes, pictures excepted. */
  bodyBytes: 1024 * 1024,
  pictureBytes: 1024 * 1024,
  /** Of one message. */
  filesPerMessage: 20,
  fileNameChars: 255,
  fileTypeChars: 127,
  /** A small picture of a file, inside the message. */
  thumbnailBytes: 16 * 1024,
  /** Parts of a voice message whose loudness is told. */
  waveformBars: 64,
  /** Plaintext of one chunk of a file; every chunk but the last has this length. */
  fileChunkBytes: 64 * 1024,
  historyPage: 200,
  deleteBatch: 100,
  keysBatch: 100,
  /** A vault or a keyring, in bytes before base64url. */
  vaultBytes: 512 * 1024,
  unlockMethods: 20,
  /** Messages of one socket that may be under way to the disk at once; more are answered `overloaded`. */
  unacknowledgedPerConnection: 512,
  connectionsPerAccount: 50,
} as const;

/** Close codes of the sockets, in the application's range of RFC 6455 section 7.4.2. */
export const closeCodes = {
  notAuthenticated: 4401,
  forbidden: 4403,
  sessionRevoked: 4404,
  tooSlow: 4408,
  tooManyConnections: 4429,
  shuttingDown: 1012,
  tooLarge: 1009,
} as const;

export const heartbeat = {
  /** A client sends `ping` when it has been silent for this long. */
  clientPingMs: 25_000,
  /** The server closes a socket it has not heard from for this long. */
  serverTimeoutMs: 60_000,
} as const;

/** A new epoch is due for age or count (e2ee: "Epochs"). */
export const epochLimits = {
  maxAgeMs: 7 * 24 * 3600 * 1000,
  maxMessages: 1000,
  /** The count of messages decides in conversations of up to so many members. */
  countedMembers: 100,
} as const;

/** How long one online member has to answer when the server asks (for an admission, or for a lost key). */
export const askTimeoutMs = 5_000;

/** How long the server keeps a rotation for one device, so that hundreds do not make the same one at once. */
export const rotationLeaseMs = 20_000;

/** Argon2id (RFC 9106). Clients refuse parameters below the floor or above the ceiling. */
export const argon2 = {
  floor: { memoryKib: 64 * 1024, passes: 3, lanes: 1 },
  ceiling: { memoryKib: 256 * 1024, passes: 6, lanes: 1 },
} as const;
