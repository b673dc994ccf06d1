import { IdempotencyError } from '../errors.ts'
import type { RedisPort } from './redis-port.ts'

/** Some keys of one server, and where to go on; no cursor after the last server's last key. */
export interface ScanPage {
  readonly keys: readonly string[]
  readonly cursor: string | undefined
}

/**
 * One SCAN on one server. A Cluster's keys are spread over its masters, which are walked one after
 * the other in a fixed order; the cursor says which one, and where in it.
 *
 * @throws IdempotencyError with code `IDEMPOTENCY_CURSOR_INVALID` for a cursor that names a server
 * which is no master any more: begin again.
 */
export async function scanPage(
  client: RedisPort,
  prefix: string,
  scanCount: number,
  cursor: string | undefined,
): Promise<ScanPage> {
  const masters = mastersOf(client)
  const { name, position } = cursor === undefined ? begin(masters) : parse(cursor)
  const at = masters.findIndex((master) => master.name === name)
  const master = masters[at]
  if (master === undefined) {
    throw new IdempotencyError(
      'IDEMPOTENCY_CURSOR_INVALID',
      `the cursor names ${name || 'a single server'}, which is no master here; begin a new listing`,
    )
  }
  const match = `${escapePattern(prefix)}*`
  const [next, keys] = await scan(master.client, position, match, scanCount)
  const nextPosition = String(next)
  const following = nextPosition === '0' ? masters[at + 1]?.name : name
  return {
    keys: keys.map(String),
    cursor: following === undefined ? undefined : `${nextPosition}@${following}`,
  }
}

async function scan(
  client: RedisPort,
  position: string,
  match: string,
  scanCount: number,
): Promise<[next: unknown, keys: unknown[]]> {
  const reply = await (client.scan === undefined
    ? client.callBuffer('SCAN', position, 'MATCH', match, 'COUNT', scanCount)
    : client.scan(position, 'MATCH', match, 'COUNT', scanCount))
  return reply as [unknown, unknown[]]
}

interface Master {
  readonly name: string
  readonly client: RedisPort
}

function mastersOf(client: RedisPort): readonly Master[] {
  const nodes = client.nodes?.('master')
  if (nodes === undefined) return [{ name: '', client }]
  return nodes
    .map((node) => ({ name: `${node.options.host}:${node.options.port}`, client: node }))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
}

function begin(masters: readonly Master[]): { name: string; position: string } {
  if (masters[0] !== undefined) return { name: masters[0].name, position: '0' }
  throw new IdempotencyError('IDEMPOTENCY_STORE_UNAVAILABLE', 'no master of the Cluster is known')
}

function parse(cursor: string): { name: string; position: string } {
  const [, position, name] = /^(\d{1,20})@(.*)$/.exec(cursor) ?? []
  if (position !== undefined && name !== undefined) return { name, position }
  throw new IdempotencyError('IDEMPOTENCY_CURSOR_INVALID', 'the cursor is not one of a listing')
}

function escapePattern(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&')
}
