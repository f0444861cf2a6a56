/** The same as the protocol's; the SDK refuses more. */
export const messageTextChars = 20_000;
export const pictureBytes = 1024 * 1024;
export const roomNameChars = 50;
export const roomTopicChars = 500;
export const roomDescriptionChars = 200;
export const roomPictureBytes = 96 * 1024;
export const filesPerMessage = 20;
export const fileNameChars = 255;
export const thumbnailBytes = 16 * 1024;
export const waveformBars = 64;
