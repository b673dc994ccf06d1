/** What is being done, for whoever shows progress. Steps overlap. */
export type Progress =
  | { readonly step: string; readonly state: 'started' }
  | { readonly step: string; readonly state: 'done'; readonly detail: string }
  | { readonly step: string; readonly state: 'note'; readonly detail: string }

/** Steps that run side by side, none of which may be forgotten when another fails. */
export class Steps {
  readonly #report: (progress: Progress) => void
  readonly #begun: Promise<unknown>[] = []

  constructor(report: (progress: Progress) => void) {
    this.#report = report
  }

  /** Runs a step; the second value of `work` is what is shown when it is done. */
  run<T>(step: string, work: () => Promise<readonly [T, string]>): Promise<T> {
    this.#report({ step, state: 'started' })
    const running = work().then(([value, detail]) => {
      this.#report({ step, state: 'done', detail })
      return value
    })
    return this.keep(running)
  }

  /** Has {@link settled} wait for this too, and its failure be nobody's surprise. */
  keep<T>(running: Promise<T>): Promise<T> {
    this.#begun.push(running.catch(() => undefined))
    return running
  }

  note(step: string, detail: string): void {
    this.#report({ step, state: 'note', detail })
  }

  /** Resolves when no step is running any more, however it ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#begun)
  }
}
