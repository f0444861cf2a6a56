// What can be said before the server is asked. The server decides.
import { account } from "../strings/account.ts";

const passwordMinChars = 8;

export function emailProblem(email: string): string | null {
  const text = email.trim();
  if (text === "") return account.emailMissing;
  return /^[^\s@<>"]+@[^\s@<>"]+$/.test(text) ? null : account.emailInvalid;
}

export const newPasswordProblem = (password: string) => (password.length < passwordMinChars ? account.passwordShort : null);

export function phoneProblem(phone: string): string | null {
  const text = phone.trim();
  return text === "" || /^\+?[0-9 ()./-]{3,}$/.test(text) ? null : account.phoneInvalid;
}

/** Puts the cursor where the first complaint is. */
export function focusFirstProblem(form: HTMLElement): void {
  form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}
