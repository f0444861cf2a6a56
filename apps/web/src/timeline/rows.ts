// The rows of a timeline as they stand in the document.
export const rowsIn = (scroller: HTMLElement) => [...scroller.querySelectorAll<HTMLElement>(".row")];

/** Those that hold a message; the others say what happened. */
export const messageRowsIn = (scroller: HTMLElement) => rowsIn(scroller).filter((row) => !row.matches(".system"));

/** The first row in sight. */
export function topRowIn(scroller: HTMLElement): HTMLElement | undefined {
  const top = scroller.getBoundingClientRect().top;
  const all = rowsIn(scroller);
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle]?.getBoundingClientRect().bottom ?? 0) > top + 1) high = middle;
    else low = middle + 1;
  }
  return all[low];
}

/** How many messages are drawn from the first down to the lowest row in sight: a row may hold several, said together. */
export function messagesDownToSight(scroller: HTMLElement): number {
  const bottom = scroller.getBoundingClientRect().bottom;
  const down = rowsIn(scroller).filter((row) => row.getBoundingClientRect().top < bottom);
  return down.reduce((sum, row) => sum + Number(row.dataset.span ?? 1), 0);
}

/** The number of the lowest message that is wholly in sight, or 0. */
export function lowestSeqInSight(scroller: HTMLElement): number {
  const bottom = scroller.getBoundingClientRect().bottom;
  return Number(rowsIn(scroller).findLast((row) => row.getBoundingClientRect().bottom <= bottom + 8)?.dataset.seq ?? 0);
}
