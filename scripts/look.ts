/*
 * `npm run look`: looks into the stores of the running wallet, so that nobody needs psql, redis-cli
 * or rabbitmqctl to see where a payment is. Reads only: SQL runs in a read-only transaction.
 */
import { resolve } from 'node:path'
import { readStackFile, type StackEntry } from '@payflow-app/stack'
import { lookAtPayment } from './look/payment.ts'
import { lookAtLogs, lookAtQueues, lookAtRedis } from './look/stores.ts'
import { isDatabase, runSql } from './look/sql.ts'
import { printTable } from './look/table.ts'

const usage = `npm run look -- <what>

  payments                       the last ten payments
  payment <id>                   every row that one payment left, in every database
  sql <database> "<select …>"    auth, wallet, transaction or notification; read-only
  redis                          the idempotency records
  queues                         depth and consumers of each queue
  logs <text>                    log lines of all processes that contain a text, by when each began`

const dir = resolve(process.env['PAYFLOW_DIR'] ?? resolve(import.meta.dirname, '../.payflow'))
const [what = '', ...args] = process.argv.slice(2)

const latest = `
  select id, status, failure_code, amount_minor, currency, created_at
  from payments order by created_at desc limit 10`

async function look(entries: readonly StackEntry[]): Promise<boolean> {
  const [first = '', second = ''] = args
  if (what === 'payments') printTable(await runSql(entries, 'transaction', latest))
  else if (what === 'payment' && first !== '') await lookAtPayment(entries, first)
  else if (what === 'sql' && isDatabase(first) && second !== '') {
    printTable(await runSql(entries, first, second))
  } else if (what === 'redis') await lookAtRedis(entries)
  else if (what === 'queues') await lookAtQueues(entries)
  else if (what === 'logs' && first !== '') lookAtLogs(entries, first)
  else return false
  return true
}

// `npm run look … | head` closes the pipe early; that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

const entries = readStackFile(dir)
if (entries.length === 0) {
  console.error('PayFlow is not running here. Start it in another terminal: npm start')
  process.exit(1)
}
try {
  if (!(await look(entries))) {
    console.error(usage)
    process.exitCode = 2
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
