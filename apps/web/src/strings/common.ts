// Every text a person reads lives in this folder, one module per area, so that a translation replaces these modules.
export const common = {
  product: "CyChat",
  tagline: "Private conversations on your own server.",
  cancel: "Cancel",
  close: "Close",
  back: "Back",
  done: "Done",
  save: "Save",
  remove: "Remove",
  retry: "Try again",
  continue: "Continue",
  notNow: "Not now",
  loading: "Loading…",
  copied: "Copied",
  copyFailed: "Copying is not allowed here. Select the text and copy it yourself.",
  somethingWrong: "Something went wrong. Try again.",
  offline: "You are offline, or the server does not answer. Try again when you are back.",
  showPassword: "Show password",
  hidePassword: "Hide password",
  skipToMain: "Skip to the conversation",
  startFailed: "CyChat could not start",
  startFailedHint: "Your browser may block storage for this site, or it may be too old. A reload often helps.",
  reload: "Reload",
  updateReady: "CyChat was updated. Reload the page when it suits you.",
} as const;

export const presenceText = {
  online: "Online",
  busy: "Busy",
  dnd: "Do not disturb",
  offline: "Offline",
} as const;
