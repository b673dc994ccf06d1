/** The whole number that a flag of a campaign was given. */
export function wholeNumber(name: string, text: string, min = 1): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= min) return value
  throw new RangeError(`--${name} must be a whole number from ${min}: ${text}`)
}
