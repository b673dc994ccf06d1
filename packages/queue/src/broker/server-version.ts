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

/**
 * Whether this is RabbitMQ of at least that version. Release candidates count as their release. Any
 * other product is not: LavinMQ, for one, has features of the same name that work differently.
 */
export function isRabbitmqSince(server: BrokerServer, major: number, minor: number): boolean {
  const [, ours = '', theirs = ''] = /^(\d+)\.(\d+)/.exec(server.version) ?? []
  if (server.product !== 'RabbitMQ' || ours === '') return false
  return Number(ours) > major || (Number(ours) === major && Number(theirs) >= minor)
}
