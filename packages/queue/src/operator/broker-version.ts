import type { ChannelModel } from 'amqplib'

/** What the broker calls itself in the handshake, `0` when it doesn't. */
export function brokerVersion(model: ChannelModel): string {
  const { serverProperties } = model.connection as {
    serverProperties?: { version?: unknown }
  }
  const version = serverProperties?.version
  return typeof version === 'string' ? version : '0'
}
