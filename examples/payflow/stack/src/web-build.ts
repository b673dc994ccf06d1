import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
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

function runVite(): Promise<void> {
  const vite = join(web, 'node_modules/vite/bin/vite.js')
  const child = spawn(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
    cwd: web,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  child.stderr.on('data', (chunk) => (output += String(chunk)))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) resolve()
      else
        reject(new StackError('STACK_WEB_BUILD_FAILED', `the web page did not build:\n${output}`))
    })
  })
}
