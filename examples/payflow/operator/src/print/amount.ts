/** Minor units as a person writes them; every currency of ours has two digits. */
export function amountText(minor: string, currency: string): string {
  const digits = minor.padStart(3, '0')
  return `${digits.slice(0, -2)}.${digits.slice(-2)} ${currency}`.trimEnd()
}
