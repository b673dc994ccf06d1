// The package brings no types; this is what the adapter uses.
declare module 'rascal' {
  import type { EventEmitter } from 'node:events'

  interface Message {
    readonly properties: { readonly messageId?: string }
  }
  interface Subscription extends EventEmitter {
    on(
      event: 'message',
      listener: (message: Message, content: unknown, ackOrNack: (error?: Error) => void) => void,
    ): this
    on(event: 'error', listener: (error: Error) => void): this
  }
  interface Broker extends EventEmitter {
    subscribe(name: string): Promise<Subscription>
    shutdown(): Promise<void>
  }
  const rascal: {
    readonly BrokerAsPromised: { create(config: object): Promise<Broker> }
  }
  export default rascal
}
