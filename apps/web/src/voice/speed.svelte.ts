// How fast voice messages play, for all of them and the next time, too.
const key = "cychat-voice-speed";
const rates = [1, 1.5, 2] as const;

function stored(): number {
  try {
    const rate = Number(localStorage.getItem(key));
    return rates.find((known) => known === rate) ?? 1;
  } catch {
    return 1;
  }
}

class Speed {
  rate: number = $state(stored());

  next(): void {
    this.rate = rates[(rates.findIndex((rate) => rate >= this.rate) + 1) % rates.length] ?? 1;
    try {
      localStorage.setItem(key, String(this.rate));
    } catch {
      // Without storage it lasts until the page is closed.
    }
  }
}

export const speed = new Speed();
