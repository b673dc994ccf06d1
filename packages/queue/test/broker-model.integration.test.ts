// The published model of the broker, compared with a real RabbitMQ: the same calls, and everything
// both say.
import { connect } from 'amqplib'
import { sharedServers } from '@payflow/testkit'
import { describe, expect, it } from 'vitest'
import { memoryBroker } from '../src/testing/index.ts'
import { brokerScripts } from './support/broker-scripts.ts'
import { deathScripts } from './support/death-scripts.ts'
import { play } from './support/play-script.ts'
import { Proxy } from './support/proxy.ts'

describe('memoryBroker says what RabbitMQ says when it', () => {
  const scripts = Object.entries({ ...brokerScripts, ...deathScripts })
  it.each(scripts)('%s', async (_, perform) => {
    await using proxy = await Proxy.to(sharedServers().rabbitmqUrl)
    const real = await play({ connect: () => connect(proxy.url), cut: () => proxy.cut() }, perform)
    const memory = memoryBroker()
    const model = await play(
      { connect: () => memory.connect(memory.url), cut: () => memory.drop() },
      perform,
    )
    expect(real.length).toBeGreaterThan(0)
    expect(model).toEqual(real)
  })
})
