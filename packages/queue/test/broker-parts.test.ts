// Goal: which node comes next, what a broker says it is, and whom a refusal is held against.
import { describe, expect, it } from 'vitest'
import { Endpoints, nodeOf } from '../src/broker/endpoints.ts'
import { NackedError, TooLargeError, UnroutableError } from '../src/errors.ts'
import { exhausted } from '../src/outbox/record-batch.ts'
import { isRabbitmqSince, readServer } from '../src/broker/server-version.ts'

const URLS = ['amqp://one', 'amqp://two:5673', 'amqps://user:secret@three']

describe('Endpoints', () => {
  it('are a ring in the given order, entered anywhere', () => {
    const entered = new Set<string>()
    for (let at = 0; at < 200; at += 1) {
      const endpoints = new Endpoints({ urls: URLS })
      const first = URLS.indexOf(endpoints.current)
      entered.add(endpoints.current)
      endpoints.advance()
      expect(endpoints.current).toBe(URLS[(first + 1) % 3])
    }
    expect([...entered].toSorted()).toEqual(URLS)
  })

  it('begin with the first where the order is given', () => {
    const endpoints = new Endpoints({ urls: URLS, order: 'given' })
    const seen = Array.from({ length: 4 }, () => {
      const { current } = endpoints
      endpoints.advance()
      return current
    })
    expect(seen).toEqual([...URLS, URLS[0]])
  })

  it('are shown without their passwords', () => {
    expect(URLS.map(nodeOf)).toEqual(['one:5672', 'two:5673', 'three:5671'])
    expect(() => new Endpoints({ url: 'http://user:secret@host' })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('secret') }),
    )
  })
})

describe('exhausted', () => {
  it('QUEUE-13 parks no outbox row because a queue takes nothing, however often', () => {
    const row = { attempts: 99 }
    expect(exhausted(row, new NackedError('id'), 10)).toBe(false)
    expect(exhausted(row, new UnroutableError('e', 'k', 'r'), 10)).toBe(true)
    expect(exhausted({ attempts: 8 }, new UnroutableError('e', 'k', 'r'), 10)).toBe(false)
    expect(exhausted({ attempts: 0 }, new TooLargeError('body', 2, 1), 10)).toBe(true)
  })
})

describe('isRabbitmqSince', () => {
  it.each([
    ['RabbitMQ', '3.10.8', false],
    ['RabbitMQ', '4.2.9', false],
    ['RabbitMQ', '4.3.0', true],
    ['RabbitMQ', '4.3.0-rc.1', true],
    ['RabbitMQ', '4.10.0', true],
    ['RabbitMQ', '5.0.0', true],
    ['LavinMQ', '4.3.0', false],
    ['RabbitMQ', '', false],
    ['', '4.3.0', false],
  ])('%s %s: %s', (product, version, expected) => {
    expect(isRabbitmqSince({ product, version }, 4, 3)).toBe(expected)
  })

  it('reads what the greeting left out as unknown', () => {
    expect(readServer({ connection: {} } as never)).toEqual({ product: '', version: '' })
    const serverProperties = { product: 'RabbitMQ', version: '3.10.8', cluster_name: 'x' }
    expect(readServer({ connection: { serverProperties } } as never)).toEqual({
      product: 'RabbitMQ',
      version: '3.10.8',
    })
  })
})
