/*
 * `npm start`: the whole wallet on this machine, until Ctrl-C. Data stay in .payflow/.
 */
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { DEMO_USERS, ensureDemoUsers, StackError, startStack, type Stack } from '@payflow-app/stack'
import { bold, dim, StartScreen } from './lib/start-screen.ts'

const dir = resolve(import.meta.dirname, '../.payflow')
mkdirSync(dir, { recursive: true })

const screen = new StartScreen()
let stack: Stack | undefined
let ending = false

// Before anything is started, so that a Ctrl-C during the start stops what there is by then.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => void end(signal))
}

async function end(signal: string): Promise<void> {
  // npm sends the terminal's Ctrl-C a second time; the first one is enough.
  if (ending) return
  ending = true
  screen.finish()
  console.log(`\n${signal === 'SIGINT' ? 'stopping' : `stopping (${signal})`} …`)
  // What the start had in hand when it was interrupted ends with this process: the guardian sees to it.
  await stack?.stop()
  console.log('stopped; data are kept in .payflow')
  process.exit(0)
}

try {
  console.log(bold('PayFlow') + dim('  a wallet on real PostgreSQL, Redis and RabbitMQ\n'))
  stack = await startStack({
    dir,
    ports: 'documented',
    onProgress: (progress) => screen.show(progress),
    onDeath: (sentence) => {
      if (!ending) console.log(dim(`  ${new Date().toLocaleTimeString()}  ${sentence}`))
    },
  })
  await ensureDemoUsers(stack.url)
  screen.finish()
  if (!ending) greet(stack)
} catch (error) {
  if (!ending) {
    screen.finish()
    const known = error instanceof StackError || (error as { code?: string }).code !== undefined
    console.error(`\n${known ? (error as Error).message : String((error as Error).stack)}`)
    console.error(dim('\nLogs are in .payflow/logs.'))
    process.exit(1)
  }
}

function greet(running: Stack): void {
  const [ada, grace] = DEMO_USERS
  console.log(`
  ${bold('Open')}  ${running.url}

  ${bold('Log in as')}
    ${ada.email.padEnd(20)} ${dim('password')} ${ada.password}
    ${grace.email.padEnd(20)} ${dim('password')} ${grace.password}

  ${bold('Try')}
    send money from one to the other, in two browser windows
    npm run story          ${dim('a worker dies before its ack; nobody pays twice')}
    npm run look           ${dim('rows, keys, queues and logs of a payment')}
    kill -9 any process of .payflow/stack.json in the middle of a payment

  ${dim('Ctrl-C stops everything. Data stay in .payflow; npm run reset forgets them.')}
`)
}
