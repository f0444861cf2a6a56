// Files that come by the mouse or the clipboard.
export const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true;

export function dropped({ dataTransfer }: DragEvent): { readonly files: File[]; readonly hasFolder: boolean } {
  const items = [...(dataTransfer?.items ?? [])].filter(({ kind }) => kind === "file");
  const isFolder = (item: DataTransferItem) => item.webkitGetAsEntry?.()?.isDirectory === true;
  const files = items.filter((item) => !isFolder(item)).flatMap((item) => item.getAsFile() ?? []);
  return { files, hasFolder: items.some(isFolder) };
}

export function pasted({ clipboardData }: ClipboardEvent): File[] {
  // A table comes as text, as a page and as a picture of itself: the text is meant.
  const { types = [], files = [] } = clipboardData ?? {};
  return types.includes("text/plain") && types.includes("text/html") ? [] : [...files];
}
