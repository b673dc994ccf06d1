import { createParser, type EventSourceMessage } from 'eventsource-parser'

/** A stream of server-sent events that was opened. */
export interface Followed {
  readonly status: number
  readonly headers: Headers
  /** The events that have come. */
  readonly events: EventSourceMessage[]
  /** The comments that have come: signs of life. */
  readonly comments: string[]
  /** How long to wait before connecting again, as the server has said it. */
  readonly retryMs: number | undefined
  /** Resolves when the stream has ended: `whole`, or `cut` when its connection broke. */
  readonly ended: Promise<'whole' | 'cut'>
  /** Hangs up. */
  hangUp(): void
  /** The whole body, where it is no stream. */
  body(): Promise<string>
}

/** Opens a stream of events and reads it until it ends. */
export async function follow(
  url: string,
  { token, lastEventId }: { readonly token?: string; readonly lastEventId?: string } = {},
): Promise<Followed> {
  const controller = new AbortController()
  const headers = new Headers()
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
  if (lastEventId !== undefined) headers.set('last-event-id', lastEventId)
  const response = await fetch(url, { headers, signal: controller.signal })
  const events: EventSourceMessage[] = []
  const comments: string[] = []
  let retryMs: number | undefined
  const parser = createParser({
    onEvent: (event) => void events.push(event),
    onComment: (comment) => void comments.push(comment),
    onRetry(value) {
      retryMs = value
    },
  })
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true
  const read = async (): Promise<'whole' | 'cut'> => {
    try {
      for await (const text of (response.body ?? []) as AsyncIterable<Uint8Array>) {
        parser.feed(new TextDecoder().decode(text))
      }
      return 'whole'
    } catch {
      return 'cut'
    }
  }
  return {
    status: response.status,
    headers: response.headers,
    events,
    comments,
    get retryMs() {
      return retryMs
    },
    ended: isStream ? read() : Promise.resolve('whole'),
    hangUp: () => controller.abort(),
    body: () => response.text(),
  }
}

/** The events in the text of a stream. */
export function eventsIn(text: string): EventSourceMessage[] {
  const events: EventSourceMessage[] = []
  createParser({ onEvent: (event) => void events.push(event) }).feed(text)
  return events
}
