const number = (n: number) => n.toLocaleString();
const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** "3.1 MB", as a person reads a size. */
function size(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const amount = bytes / 1000 ** power;
  return new Intl.NumberFormat(undefined, {
    style: "unit",
    unit: units[power] as string,
    unitDisplay: power === 0 ? "long" : "short",
    maximumFractionDigits: amount < 10 && power > 0 ? 1 : 0,
  }).format(amount);
}

export const files = {
  size,
  partOf: (done: number, all: number) => `${size(done)} of ${size(all)}`,
  kinds: {
    picture: "Picture",
    video: "Video",
    audio: "Audio",
    document: "Document",
    archive: "Archive",
    code: "Code",
    other: "File",
  },
  /** What stands for a message in lists, in notices and where it is read out. */
  photo: "📷 Photo",
  photos: (n: number) => `📷 ${number(n)} photos`,
  video: "🎬 Video",
  audio: "🎵 Audio",
  voice: (time: string) => `🎤 Voice message, ${time}`,
  file: (name: string) => `File: ${name}`,
  several: (n: number) => `${number(n)} files`,
  withCaption: (what: string, caption: string) => `${what}: ${caption}`,
  pictures: (n: number) => (n === 1 ? "Picture" : `${number(n)} pictures`),

  openPicture: (name: string) => `Look at ${name}`,
  download: (name: string) => `Download ${name}`,
  downloadShort: "Download",
  stop: (name: string) => `Stop downloading ${name}`,
  play: (name: string) => `Play ${name}`,
  closePlayer: (name: string) => `Close the player of ${name}`,
  speed: "Playback speed",
  speedOf: (rate: number) => `${number(rate)}×`,
  cannotPlay: "This browser cannot play it. Download it instead.",
  notAPicture: "This cannot be shown as a picture.",
  receiving: (name: string) => `Receiving ${name}`,
  uploading: "Sending the files",
  waiting: "Waiting for the connection",
  almost: "Almost there…",
  paused: "Paused",
  pauseUpload: "Pause",
  resumeUpload: "Go on",
  cancelUpload: "Do not send",

  damaged: "This file is damaged and was not opened. Ask for it to be sent again.",
  gone: "The server does not have this file any more. Ask for it to be sent again.",
  offline: "You are offline. It can be opened when you are back.",
  goesOnOnline: "You are offline. It goes on when you are back.",
  notOpened: "It could not be opened. Try again.",

  viewer: "Pictures",
  previous: "Previous picture",
  next: "Next picture",
  place: (place: number, n: number) => `${number(place)} of ${number(n)}`,
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
} as const;

export const tray = {
  attach: "Attach files",
  fromPhotos: "Photo or video",
  camera: "Camera",
  file: "File",
  label: "Files to send",
  count: (n: number, bytes: number) => `${n === 1 ? "1 file" : `${number(n)} files`}, ${size(bytes)}`,
  caption: "Add a caption",
  remove: (name: string) => `Remove ${name}`,
  removeAll: "Remove all",
  originals: "Send the originals",
  originalsOn: "Sent exactly as they are. Location data stays inside.",
  originalsOff: "Pictures are made smaller. Where they were taken is left out.",
  cleanedOff: "Where they were made, when, and with what is left out.",
  originalsOffAll: "Pictures are made smaller. Where files were made, when, and with what is left out.",
  /** Of a file that goes out with what its program or camera wrote into it. */
  tells: "Keeps its details",
  tellsMore: (name: string) => `${name} keeps its details. What are they?`,
  telling: {
    picture: (name: string) =>
      `“${name}” is sent exactly as it is. A picture may say where and when it was taken, and with which camera or phone.`,
    video: (name: string) =>
      `“${name}” is sent exactly as it is. A video may say where and when it was recorded, and with which camera or phone.`,
    audio: (name: string) =>
      `“${name}” is sent exactly as it is. A recording may say when it was made and with what, and carry a title or names.`,
    document: (name: string) =>
      `“${name}” is sent exactly as it is. A document may name who wrote it, when, and with which program.`,
  },
  drop: "Drop files to add them",
  dropHint: (name: string) => `They are sent to ${name} once you press Send`,
  preparing: "Preparing…",
  encrypting: "Encrypting…",
  stop: "Stop",
  dismiss: "Close this notice",
  tooMany: (max: number, left: number) =>
    `A message takes ${number(max)} files. ${left === 1 ? "One was" : `${number(left)} were`} not added: send a second message.`,
  tooLarge: (name: string, max: number) => `“${name}” was not added: this server takes files of up to ${size(max)}.`,
  tooLargeInside: (name: string, max: number) => `“${name}” is too large: this server takes files of up to ${size(max)}.`,
  severalTooLarge: (n: number, max: number) =>
    `${number(n)} files were not added: this server takes files of up to ${size(max)}.`,
  noRoom: (left: number) => `There is not enough room for these files: ${size(left)} are left for yours on this server.`,
  folder: "A folder cannot be sent. Choose the files in it, or pack it into a ZIP file.",
  unreadable: (name: string) =>
    `“${name}” cannot be read: it was moved or changed since you chose it, or this browser may not open it. Remove it and choose it again.`,
  oneUnreadable:
    "A file cannot be read: it was moved or changed since you chose it, or this browser may not open it. Remove it and choose it again.",
  changed: "A file was changed while it was read. Remove it and choose it again.",
  notNow: "Files cannot be added right now.",
  failed: "The files were not sent. They are all still here.",
} as const;
