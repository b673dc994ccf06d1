/**
 * Runs items together, and when that throws, in halves, down to single items: whoever spoils a batch
 * ends up alone, and the others go through without it.
 *
 * An item is in at most ⌈log₂ n⌉ + 1 runs of a batch of n, however many items spoil theirs. The halves
 * run one after the other, so items never change their order.
 *
 * @param together - Runs two items or more. Throwing means that nothing of it had an effect.
 * @param alone - Runs the only item, and deals with its failure itself.
 */
export async function bisect<Item>(
  items: readonly Item[],
  together: (items: readonly Item[]) => Promise<void>,
  alone: (item: Item) => Promise<void>,
): Promise<void> {
  const [only] = items
  if (only === undefined) return
  if (items.length === 1) return await alone(only)
  try {
    await together(items)
  } catch {
    const middle = Math.ceil(items.length / 2)
    await bisect(items.slice(0, middle), together, alone)
    await bisect(items.slice(middle), together, alone)
  }
}
