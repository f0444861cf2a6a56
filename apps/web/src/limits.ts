/** The same as `limits.messageTextChars` of the protocol; the SDK refuses more. */
export const messageTextChars = 20_000;
export const pictureBytes = 1024 * 1024;
