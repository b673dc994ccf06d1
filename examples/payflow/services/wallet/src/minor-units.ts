/**
 * Writes minor units as a JSON number. Sums stay far below 2^53 by the limits of the contract; one
 * that does not would be rounded silently, so it is refused.
 *
 * @throws RangeError when `amountMinor` is no exact JSON number.
 */
export function toJsonNumber(amountMinor: bigint): number {
  const amount = Number(amountMinor)
  if (Number.isSafeInteger(amount)) return amount
  throw new RangeError(`${amountMinor} minor units cannot be written as a JSON number`)
}
