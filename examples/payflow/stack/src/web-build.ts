import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { spawnOwned } from '@payflow/testkit'
import { PAYFLOW_ROOT } from './plan.ts'
import { StackError } from './stack-error.ts'

const web = join(PAYFLOW_ROOT, 'web')
const stamp = join(PAYFLOW_ROOT, '../../node_modules/.cache/payflow-web.sha256')

/** Builds the web page if its sources changed since the last build. Returns whether it had to. */
export async function buildWebPage(): Promise<boolean> {
  const digest = digestOfSources()
  const built = existsSync(join(web, 'dist/index.html'))
  if (built && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return false
  await runVite()
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, digest)
  return true
}

function digestOfSources(): string {
  const patterns = ['src/**/*', 'public/**/*', '*.{ts,json,html}', '../contracts/src/**/*']
  const files = globSync(patterns, { cwd: web }).toSorted()
  const hash = createHash('sha256')
  for (const file of files) {
    const path = join(web, file)
    if (statSync(path).isFile()) hash.update(file).update('\0').update(readFileSync(path))
  }
  return hash.update(readFileSync(join(PAYFLOW_ROOT, '../../pnpm-lock.yaml'))).digest('hex')
}

async function runVite(): Promise<void> {
  const vite = join(web, 'node_modules/vite/bin/vite.js')
  const { process: child, exited } = await spawnOwned(process.execPath, {
    args: [vite, 'build', '--logLevel', 'warn'],
    cwd: web,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => (output += String(chunk)))
  }
  const { code } = await exited
  if (code === 0) return
  throw new StackError('STACK_WEB_BUILD_FAILED', `the web page did not build:\n${output}`)
}
