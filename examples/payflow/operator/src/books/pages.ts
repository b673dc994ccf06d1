/** Reads the rows that come after an id, in the order of their ids; none at the end. */
export type ReadPage<T> = (after: string, rowsMax: number) => Promise<readonly T[]>

/** Options of {@link pagesOf}. */
export interface PageOptions {
  /** Rows of a page. @defaultValue `2_000` */
  readonly pageRows?: number
  /** Stops between two pages. */
  readonly signal?: AbortSignal
}

const PAGE_ROWS = 2_000

const BEFORE_ALL = '00000000-0000-0000-0000-000000000000'

/**
 * Page after page, by id: however many there are, one page is held.
 *
 * @throws what reading throws, or the reason of `signal`.
 */
export async function* pagesOf<T extends { readonly id: string }>(
  read: ReadPage<T>,
  { pageRows = PAGE_ROWS, signal }: PageOptions,
): AsyncGenerator<readonly T[]> {
  let after = BEFORE_ALL
  for (;;) {
    signal?.throwIfAborted()
    const page = await read(after, pageRows)
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    after = last.id
  }
}
