/** A difference that this is: the `date` header has no more than seconds, and the answer took time. */
const NOTICEABLE_MS = 2_000

/**
 * Further off than this is nobody's clock: whoever answers could else ask for tokens that hold for
 * years.
 */
const BELIEVED_MS = 3_600_000

/**
 * What time it is for the service that is called. A token says until when it holds, and it is the
 * callee's clock that decides, so the callee's time is what must be written into it: a machine whose
 * clock is wrong would otherwise be locked out by everybody else, and its payments would wait.
 */
export class CallerClock {
  #aheadMs = 0

  /** Unix time in milliseconds, by the callee's clock as far as it is known. */
  nowMs(): number {
    return Date.now() + this.#aheadMs
  }

  /**
   * Learns the callee's time from a refusal. True when it was another than was thought, so that a
   * token which is made now is another one.
   */
  learn(refusal: { readonly status: number; readonly headers: Headers }): boolean {
    const at = Date.parse(refusal.headers.get('date') ?? '')
    if (refusal.status !== 401 || Number.isNaN(at)) return false
    const wrongByMs = at - this.nowMs()
    const aheadMs = this.#aheadMs + wrongByMs
    if (Math.abs(wrongByMs) < NOTICEABLE_MS || Math.abs(aheadMs) > BELIEVED_MS) return false
    this.#aheadMs = aheadMs
    return true
  }
}
