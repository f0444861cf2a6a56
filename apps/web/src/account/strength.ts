// A rough and honest hint, no rule: 0 too short, 1 weak, 2 fair, 3 good, 4 strong.
const common = /^(?:pass(?:word|wort)|qwert[yz]|letmein|welcome|iloveyou|admin|123456|111111|abc123|cychat)/i;

export function passwordStrength(password: string, known: readonly string[] = []): 0 | 1 | 2 | 3 | 4 {
  const length = [...password].length;
  if (length < 8) return 0;
  const lower = password.toLowerCase();
  if (known.some((word) => word.length > 2 && lower.includes(word.toLowerCase()) && length < word.length + 8)) return 1;
  const alphabet =
    (/[a-z]/.test(password) ? 26 : 0) +
    (/[A-Z]/.test(password) ? 26 : 0) +
    (/\d/.test(password) ? 10 : 0) +
    (/[^a-zA-Z\d]/.test(password) ? 30 : 0);
  // Repeated and neighbouring letters add little.
  let surprising = 1;
  for (let index = 1; index < password.length; index++) {
    const step = password.charCodeAt(index) - password.charCodeAt(index - 1);
    surprising += Math.abs(step) <= 1 ? 0.35 : 1;
  }
  const bits = surprising * Math.log2(Math.max(alphabet, 2)) * (common.test(password) ? 0.5 : 1);
  return bits < 40 ? 1 : bits < 60 ? 2 : bits < 85 ? 3 : 4;
}
