import fc from 'fast-check'

/**
 * Sequences of up to `lengthMax` items, most of them long. A failing one loses whole stretches
 * first, halves before single items, and only then are the items that are left made simpler: each
 * attempt plays a world, so that the number of attempts is what counts.
 */
export const sequence = <T>(item: fc.Arbitrary<T>, lengthMax: number): fc.Arbitrary<T[]> =>
  new Sequence(item, lengthMax)

type Items<T> = readonly fc.Value<T>[]

class Sequence<T> extends fc.Arbitrary<T[]> {
  readonly #item: fc.Arbitrary<T>
  readonly #lengthMax: number

  constructor(item: fc.Arbitrary<T>, lengthMax: number) {
    super()
    this.#item = item
    this.#lengthMax = lengthMax
  }

  override generate(random: fc.Random): fc.Value<T[]> {
    const length = random.nextInt(Math.ceil(this.#lengthMax / 2), this.#lengthMax)
    return valueOf(Array.from({ length }, () => this.#item.generate(random, undefined)))
  }

  override canShrinkWithoutContext(value: unknown): value is T[] {
    return Array.isArray(value) && value.length === 0
  }

  override shrink(_: T[], context: unknown): fc.Stream<fc.Value<T[]>> {
    const items = (context ?? []) as Items<T>
    return fc.stream(shorter(items)).join(this.#simpler(items))
  }

  *#simpler(items: Items<T>): IterableIterator<fc.Value<T[]>> {
    for (let at = items.length - 1; at >= 0; at -= 1) {
      const item = items[at] as fc.Value<T>
      for (const simpler of this.#item.shrink(item.value_, item.context)) {
        yield valueOf(items.with(at, simpler))
      }
    }
  }
}

const valueOf = <T>(items: Items<T>): fc.Value<T[]> =>
  new fc.Value(
    items.map((item) => item.value_),
    items,
  )

function* shorter<T>(items: Items<T>): IterableIterator<fc.Value<T[]>> {
  for (
    let size = Math.ceil(items.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    // From the end: what comes after the failure goes first.
    for (let end = items.length; end > 0; end -= size) {
      yield valueOf(items.toSpliced(Math.max(end - size, 0), Math.min(size, end)))
    }
  }
}
