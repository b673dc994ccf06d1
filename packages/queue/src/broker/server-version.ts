import type { ChannelModel } from 'amqplib'

/** What a broker says about itself when a connection is opened. */
export interface BrokerServer {
  readonly product: string
  readonly version: string
}

/** Reads what the broker told in its greeting; empty strings for what it left out. */
export function readServer(model: ChannelModel): BrokerServer {
  const properties = (model.connection as { serverProperties?: Record<string, unknown> })
    .serverProperties
  const text = (name: string): string => {
    const value = properties?.[name]
    return typeof value === 'string' ? value : ''
  }
  return { product: text('product'), version: text('version') }
}
