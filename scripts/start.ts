/*
 * `npm start`: the whole wallet on this machine, until Ctrl-C. Data stay in .payflow/, or in the
 * folder that PAYFLOW_DIR names.
 */
import { join, relative } from 'node:path'
import { aptFinished } from '@payflow/testkit'
import { DEMO_USERS, ensureDemoUsers, StackError, startStack, type Stack } from '@payflow-app/stack'
import { dataFolder } from './lib/data-folder.ts'
import { bold, dim, StartScreen } from './lib/start-screen.ts'

const dir = dataFolder()
const shown = relative(process.cwd(), dir) || dir

const screen = new StartScreen()
let stack: Stack | undefined
let endingSince: number | undefined

// Before anything is started, so that a Ctrl-C during the start stops what there is by then.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => void end(signal))
}
// A terminal that was closed can't be written to, which is no reason to stop in disorder.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
endWithNpm()

async function end(reason: string): Promise<void> {
  if (endingSince !== undefined) {
    // npm passes the terminal's Ctrl-C on, so that it arrives twice; a person is slower.
    if (reason === 'SIGINT' && performance.now() - endingSince > 1_000) process.exit(130)
    return
  }
  endingSince = performance.now()
  screen.finish()
  const why = reason === 'SIGINT' ? '' : ` (${reason})`
  const hint = reason === 'SIGINT' ? dim('  Ctrl-C again: at once') : ''
  console.log(`\nstopping${why} …${hint}`)
  await stack?.stop()
  // dpkg must not be interrupted; all else that a start has in hand ends with this process, and the
  // guardian sees to it.
  await aptFinished()
  console.log(`stopped; data are kept in ${shown}`)
  process.exit(0)
}

/** npm can be killed without a word to us; nobody would be left to press Ctrl-C. */
function endWithNpm(): void {
  if (process.env['npm_lifecycle_event'] !== 'start') return
  const npm = process.ppid
  setInterval(() => {
    if (process.ppid !== npm) void end('npm has ended')
  }, 1_000).unref()
}

try {
  console.log(bold('PayFlow') + dim('  a wallet on real PostgreSQL, Redis and RabbitMQ\n'))
  stack = await startStack({
    dir,
    ports: 'documented',
    onProgress: (progress) => screen.show(progress),
    onDeath: (sentence) => {
      if (endingSince === undefined)
        console.log(dim(`  ${new Date().toLocaleTimeString()}  ${sentence}`))
    },
  })
  await ensureDemoUsers(stack.url)
  screen.finish()
  if (endingSince === undefined) greet(stack)
} catch (error) {
  if (endingSince === undefined) {
    screen.finish()
    const known = error instanceof StackError || (error as { code?: string }).code !== undefined
    console.error(`\n${known ? (error as Error).message : String((error as Error).stack)}`)
    // A StackError says all there is to say.
    if (!(error instanceof StackError)) console.error(dim(`\nLogs are in ${join(shown, 'logs')}.`))
    process.exit(1)
  }
}

function greet(running: Stack): void {
  const [ada, grace] = DEMO_USERS
  console.log(`
  ${bold('Open')}   ${running.url}
  ${bold('Mails')}  ${running.serviceUrl('mail')}

  ${bold('Log in as')}
    ${ada.email.padEnd(20)} ${dim('password')} ${ada.password}
    ${grace.email.padEnd(20)} ${dim('password')} ${grace.password}

  ${bold('Try')}
    send money from one to the other, in two browser windows
    npm run story          ${dim('a worker dies before its ack; nobody pays twice')}
    npm run look           ${dim('rows, keys, queues and logs of a payment')}
    kill -9 any process of ${join(shown, 'stack.json')} in the middle of a payment

  ${dim(`Ctrl-C stops everything. Data stay in ${shown}; npm run reset forgets them.`)}
`)
}
