// #region main
import { readFile } from 'node:fs/promises'
import type { Kysely } from 'kysely'
import { createBus } from '@payflow/queue'
import type { Bus } from '@payflow/queue'

export function busOfCluster(db: Kysely<any>, urls: readonly string[], passwordFile: string): Bus {
  const bus = createBus({
    broker: {
      urls, // amqps://rabbit-0:5671 and so on, without a login
      credentials: async () => ({
        username: 'shipping',
        password: (await readFile(passwordFile, 'utf8')).trim(), // a mounted secret, say
      }),
    },
    db,
    source: 'shipping',
  })
  // The file has another password now: change over while the old one is still good.
  process.on('SIGHUP', () => void bus.rotate().catch((error) => console.error(error)))
  return bus
}
// #endregion main
