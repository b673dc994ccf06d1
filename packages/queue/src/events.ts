/** Why a message was parked. */
export type ParkReason =
  | 'undecodable'
  | 'schema-invalid'
  | 'unknown-type'
  | 'unknown-version'
  | 'id-reuse'
  | 'attempts-exhausted'
  | (string & {})

/** What happens inside a bus, for logs and metrics. `type` tells the members apart. */
export type BusEvent =
  | {
      readonly type: 'connection.up'
      readonly purpose: ConnectionPurpose
      readonly generation: number
      /** `host:port` */
      readonly node: string
      /** Version of the broker. */
      readonly server: string
    }
  | {
      readonly type: 'connection.down'
      readonly purpose: ConnectionPurpose
      readonly error: unknown
      readonly retryInMs: number
    }
  | {
      readonly type: 'connection.rotation-failed'
      readonly purpose: ConnectionPurpose
      readonly error: unknown
      readonly retryInMs: number
    }
  | { readonly type: 'connection.stalled'; readonly node: string; readonly unconfirmedMs: number }
  | { readonly type: 'connection.blocked'; readonly reason: string }
  | { readonly type: 'connection.unblocked' }
  | { readonly type: 'topology.failed'; readonly error: unknown }
  | { readonly type: 'consumer.running'; readonly consumer: string }
  | {
      readonly type: 'consumer.interrupted'
      readonly consumer: string
      readonly reason: 'cancelled' | 'channel' | 'connection'
      readonly error?: unknown
    }
  | { readonly type: 'consumer.paused'; readonly consumer: string; readonly error: unknown }
  | { readonly type: 'consumer.resumed'; readonly consumer: string }
  | ({ readonly type: 'message.committed'; readonly durationMs: number } & DeliveryRef)
  | ({ readonly type: 'message.duplicate' } & DeliveryRef)
  | ({
      readonly type: 'message.retried'
      readonly delayMs: number
      readonly error: unknown
    } & DeliveryRef)
  | ({
      readonly type: 'message.parked'
      readonly reason: ParkReason
      readonly error?: unknown
    } & DeliveryRef)
  | ({
      /** The broker took no copy of it for its wait queue or parking queue; it stays in hand. */
      readonly type: 'message.held'
      readonly error: unknown
      readonly retryInMs: number
    } & DeliveryRef)
  | ({ readonly type: 'message.released'; readonly error?: unknown } & DeliveryRef)
  | ({ readonly type: 'message.abandoned'; readonly error: unknown } & DeliveryRef)
  | { readonly type: 'relay.confirmed'; readonly rows: number; readonly durationMs: number }
  | { readonly type: 'relay.refused'; readonly id: string; readonly error: unknown }
  | { readonly type: 'relay.parked'; readonly id: string; readonly error: unknown }
  | { readonly type: 'relay.failed'; readonly error: unknown }
  | { readonly type: 'sweep.failed'; readonly error: unknown }
  | {
      /** JavaScript kept the event loop longer than half a heartbeat. */
      readonly type: 'loop.blocked'
      readonly blockedMs: number
      readonly limitMs: number
      /** Who was at work at the end of it: one of these did it, or code outside of all handlers. */
      readonly handlers: readonly HandlerAtWork[]
    }

/** Publishing and consuming each have a connection of their own. */
export type ConnectionPurpose = 'publish' | 'consume'

/** A message in the hands of a handler. */
export interface HandlerAtWork {
  readonly consumer: string
  readonly messageId: string | undefined
  readonly messageType: string | undefined
}

/** Which delivery an event is about. */
export interface DeliveryRef {
  readonly consumer: string
  readonly messageId: string
  readonly messageType: string
  readonly attempt: number
}
