/** Tries to write the end of a claim this often before giving it up: about 20 s. */
const endAttempts = 8
const firstDelayMs = 100
const delayMaxMs = 5_000

/**
 * Repeats a step that is safe to repeat, with growing pauses, while nobody waits for it. The timer
 * does not keep the process alive: what is lost then is only the shortcut of a lease that lapses by
 * itself.
 */
export function retryInBackground(
  step: () => Promise<unknown>,
  onAbandoned: (cause: unknown) => void = () => undefined,
  attemptsMax: number = endAttempts,
): void {
  const attempt = (number: number): void => {
    const delayMs = Math.min(firstDelayMs * 2 ** (number - 1), delayMaxMs)
    setTimeout(() => {
      step().catch((cause: unknown) => {
        if (number >= attemptsMax) onAbandoned(cause)
        else attempt(number + 1)
      })
    }, delayMs).unref()
  }
  attempt(1)
}
