// The same key is read by public/theme.js before the first paint.
export type Theme = "system" | "light" | "dark";

const key = "cychat-theme";
const barColors = { light: "#faf9f6", dark: "#12191d" };
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

class ThemeChoice {
  choice: Theme = $state(stored());
  systemDark = $state(prefersDark.matches);
  readonly dark = $derived(this.choice === "dark" || (this.choice === "system" && this.systemDark));

  constructor() {
    prefersDark.addEventListener("change", (event) => {
      this.systemDark = event.matches;
      this.#show();
    });
    addEventListener("storage", (event) => {
      if (event.key !== key) return;
      this.choice = stored();
      this.#show();
    });
  }

  set(choice: Theme): void {
    this.choice = choice;
    try {
      if (choice === "system") localStorage.removeItem(key);
      else localStorage.setItem(key, choice);
    } catch {
      // Without storage the choice lasts until the page is closed.
    }
    this.#show();
  }

  toggle(): void {
    this.set(this.dark ? "light" : "dark");
  }

  #show(): void {
    const { dataset } = document.documentElement;
    if (this.choice === "system") delete dataset.theme;
    else dataset.theme = this.choice;
    document.querySelector('meta[name="theme-color"]')?.setAttribute("content", barColors[this.dark ? "dark" : "light"]);
  }
}

function stored(): Theme {
  try {
    const value = localStorage.getItem(key);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

export const theme = new ThemeChoice();
