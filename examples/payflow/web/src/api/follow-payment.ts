import { createParser } from 'eventsource-parser'
import { isPaymentEnd, paymentEventView, type PaymentEventView } from '@payflow-app/contracts'

/** Options of {@link followPayment}. */
export interface FollowOptions {
  /** Asks for the stream, from after the event with this id. */
  readonly open: (lastEventId: string | undefined, signal: AbortSignal) => Promise<Response>
  readonly onEvent: (event: PaymentEventView) => void
  /** Whether events are coming in at the moment. */
  readonly onLive: (isLive: boolean) => void
  readonly signal: AbortSignal
  /** Resolves after so many milliseconds, or when `signal` is aborted. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
}

const retryFirstMs = 1_000
const retryMaxMs = 30_000
/** The server gives a sign of life every fifteen seconds. */
const silenceMaxMs = 45_000

/**
 * Follows a payment until the event that ends it, over as many connections as that takes: each goes
 * on after the last event of the one before. Resolves when the payment has ended, when the server
 * has no stream for it, or with `signal`; never rejects.
 *
 * `fetch` rather than `EventSource`, which can send no Authorization header; a token in the address
 * would be in every log.
 */
export async function followPayment(options: FollowOptions): Promise<void> {
  const { signal, pause, onLive } = options
  const place: Place = { lastEventId: undefined, retryMs: retryFirstMs, hasEnded: false }
  for (let failures = 0; !signal.aborted;) {
    const outcome = await connect(options, place).catch(() => 'cut' as const)
    onLive(false)
    if (outcome === 'over' || place.hasEnded) return
    failures = outcome === 'streamed' ? 0 : failures + 1
    const waitMs = Math.min(retryMaxMs, place.retryMs * 2 ** failures)
    await pause(waitMs * (1 + Math.random() / 4), signal)
  }
}

interface Place {
  lastEventId: string | undefined
  retryMs: number
  hasEnded: boolean
}

/** `over`: there is nothing more to come. `streamed`, `cut`: connect again. */
async function connect(options: FollowOptions, place: Place): Promise<'over' | 'streamed' | 'cut'> {
  const silence = new AbortController()
  const signal = AbortSignal.any([options.signal, silence.signal])
  const answer = await options.open(place.lastEventId, signal)
  // 204: all is seen. 404 and the like: there is no stream; whoever asks for the payment says why.
  if (
    answer.status === 204 ||
    (answer.status >= 400 && answer.status < 500 && answer.status !== 429)
  )
    return 'over'
  if (!answer.ok || answer.body === null) return 'cut'
  const parser = createParser({
    onRetry: (ms) => (place.retryMs = ms),
    onEvent: ({ id, data }) => {
      const event = paymentEventView.safeParse(parsed(data))
      if (!event.success) return
      place.lastEventId = id
      place.hasEnded ||= isPaymentEnd(event.data.type)
      options.onEvent(event.data)
    },
  })
  options.onLive(true)
  let timer = setTimeout(() => silence.abort(), silenceMaxMs)
  try {
    const decoder = new TextDecoder()
    const reader = answer.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return 'streamed'
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), silenceMaxMs)
      parser.feed(decoder.decode(value, { stream: true }))
    }
  } finally {
    clearTimeout(timer)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
