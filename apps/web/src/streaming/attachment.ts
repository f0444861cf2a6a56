/** `Content-Disposition` for a file to be kept, with its name in both forms of RFC 6266. */
export function attachment(name: string): string {
  const wellFormed = name.toWellFormed();
  const plain = wellFormed
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^ \w.,()+=@~-]/g, "_");
  // RFC 5987 takes fewer letters as they are than addresses do.
  const exact = encodeURIComponent(wellFormed).replaceAll(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}
