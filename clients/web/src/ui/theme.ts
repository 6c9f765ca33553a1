/** Light and dark: the system's choice unless the user makes one for this tab. */
import { button } from "./dom";

const KEY = "vserd.theme";
const CHOICES = ["auto", "light", "dark"] as const;
type Choice = (typeof CHOICES)[number];

const system = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

function choice(): Choice {
  const saved = sessionStorage.getItem(KEY) as Choice | null;
  return saved && CHOICES.includes(saved) ? saved : "auto";
}

export function isDark(): boolean {
  return choice() === "dark" || (choice() === "auto" && system.matches);
}

function apply(): void {
  document.documentElement.dataset["theme"] = isDark() ? "dark" : "light";
  for (const listener of listeners) listener();
}

export function onThemeChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Applies the theme and returns the button that changes it. */
export function themeButton(): HTMLButtonElement {
  const label = () => `Theme: ${choice()}`;
  const made = button(label(), () => {
    const next = CHOICES[(CHOICES.indexOf(choice()) + 1) % CHOICES.length] as Choice;
    sessionStorage.setItem(KEY, next);
    made.textContent = label();
    apply();
  });
  system.addEventListener("change", apply);
  apply();
  return made;
}
