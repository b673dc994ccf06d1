import pg from 'pg'

/** What backends were doing, in shares of all that were looked at. */
export type Waits = ReadonlyMap<string, number>

const NAMES: Readonly<Record<string, string>> = {
  'IO:WALSync': 'flush of the log',
  'LWLock:WALWrite': 'flush of the log',
  'Lock:tuple': 'lock of an account',
  'Lock:transactionid': 'lock of an account',
  'Client:ClientRead': 'the next request of its caller',
  '': 'nothing: at work, or waiting for a processor',
}

/** Looks every few milliseconds at what the backends of a database wait for while `work` runs. */
export async function waitsDuring(url: string, work: () => Promise<unknown>): Promise<Waits> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const counts = new Map<string, number>()
  let ended = false
  let looked = 0
  const look = async () => {
    while (!ended) {
      const { rows } = await client.query<{ wait: string; n: string }>({
        name: 'waits',
        text: `select concat_ws(':', wait_event_type, wait_event) as wait, count(*) as n
          from pg_stat_activity where datname = current_database()
            and pid <> pg_backend_pid() and backend_type = 'client backend'
            and (state <> 'idle' or state_change > clock_timestamp() - interval '1 s')
          group by 1`,
      })
      for (const { wait, n } of rows) {
        const name = NAMES[wait] ?? 'something else'
        counts.set(name, (counts.get(name) ?? 0) + Number(n))
        looked += Number(n)
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const looking = look()
  try {
    await work()
  } finally {
    ended = true
    await looking
    await client.end()
  }
  return new Map([...counts].map(([name, n]) => [name, n / looked]))
}
