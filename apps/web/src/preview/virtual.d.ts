declare module "virtual:preview-pages" {
  /** Addresses of the pages that draw a file. */
  const pages: Readonly<Record<"pdf" | "text", string>>;
  export default pages;
}

declare module "*?base64" {
  const content: string;
  export default content;
}

declare module "*?script" {
  const content: string;
  export default content;
}
