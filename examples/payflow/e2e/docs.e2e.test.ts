/*
 * Goal: what the documents tell people to type works, and prints what they say.
 * Method: the `sh` blocks of a document run one after another in one bash, against a running wallet
 * with the demo users. A `text` block behind a command is its output, where … stands for anything.
 */
import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { temporaryFolder } from '@payflow/testkit'
import { PROCESS_PORTS, type PayflowProcess } from '@payflow-app/contracts/arrows'
import { ensureDemoUsers, startStack, type Stack } from '@payflow-app/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../../..')

/** Run by tests of their own, because they start or end things. */
const runElsewhere: ReadonlyMap<string, string> = new Map([
  ['npm start', 'examples/payflow/stack/test/npm-start.e2e.test.ts'],
  ['npm run reset', 'examples/payflow/stack/test/npm-start.e2e.test.ts'],
  ['npm run story', 'examples/payflow/e2e/story.e2e.test.ts'],
])

interface Block {
  readonly command: string
  readonly output: string | undefined
}

let stack: Stack
let dir: string

beforeAll(async () => {
  dir = temporaryFolder('docs')
  // With its rate limits, as whoever reads has it.
  const env = { gateway: { PAYFLOW_RATE_LIMITS: 'on' } }
  stack = await startStack({ dir, ownServers: true, env })
  await ensureDemoUsers(stack.url)
})
afterAll(async () => {
  await stack?.stop()
})

describe('the commands of', () => {
  it.each([
    // First, because it is written for balances that nobody has touched.
    ['docs/tracing-a-single-request.md', 'sh'],
    ['docs/getting-started.md', 'sh'],
    ['docs/system-flow.md', 'sh'],
    ['docs/troubleshooting.md', 'sh'],
    // Its `sh` blocks are staged by a test of the queue, on servers of its own.
    ['docs/how-to-debug-this-system.md', 'bash'],
  ] as const)('%s print what it says', async (document, kind) => {
    const blocks = blocksOf(readFileSync(join(root, document), 'utf8'), kind)
    expect(blocks.length).toBeGreaterThan(1)
    const outputs = await runAll(blocks.map((block) => block.command))
    for (const [index, { command, output }] of blocks.entries()) {
      if (output === undefined) continue
      expect({ command, output: outputs[index] }).toEqual({
        command,
        output: expect.stringMatching(pattern(output)) as string,
      })
    }
  })
})

describe('documents and alerts', () => {
  it('name no metric that nobody exports', async () => {
    const processes = Object.keys(PROCESS_PORTS) as PayflowProcess[]
    const pages = await Promise.all(
      processes.map(async (name) => (await fetch(`${stack.serviceUrl(name)}/metrics`)).text()),
    )
    const exported = new Set(pages.flatMap((page) => namesIn(page, /^# TYPE (\S+)/gm)))
    const patterns = ['docs/*.md', 'examples/*.md', 'examples/*.yaml', 'examples/*.yml']
    const files = execFileSync('git', ['ls-files', ...patterns], { cwd: root, encoding: 'utf8' })
    const named = files
      .split('\n')
      .filter(Boolean)
      .flatMap((file) => namesIn(readFileSync(join(root, file), 'utf8'), /\b(payflow_[a-z_]+)\b/g))
      .filter((name) => !notMetrics.test(name))
      .map((name) => name.replace(/_(bucket|sum|count)$/, ''))
    expect(named.length).toBeGreaterThan(5)
    expect(named.filter((name) => !exported.has(name))).toEqual([])
  })
})

/** Databases and roles. */
const notMetrics = /^payflow_(auth|wallet|transaction|notification|owner|auditor)$/

function namesIn(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, name = '']) => name)
}

function blocksOf(markdown: string, language: 'sh' | 'bash'): Block[] {
  const fences = [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map((match) => ({
    kind: match[1],
    text: match[2] ?? '',
    end: match.index + match[0].length,
    start: match.index,
  }))
  return fences.flatMap((fence, index) => {
    if (fence.kind !== language || runElsewhere.has(fence.text.trim())) return []
    const next = fences[index + 1]
    const follows = next?.kind === 'text' && markdown.slice(fence.end, next.start).trim() === ''
    return [{ command: fence.text, output: follows ? next.text : undefined }]
  })
}

/** Runs the blocks in one shell, so that a variable set in one is known in the next. */
function runAll(commands: readonly string[]): Promise<string[]> {
  const marker = '=== end of block ==='
  const script = commands
    .map(
      (command) =>
        `${command.replaceAll('http://127.0.0.1:3000', stack.url)}\necho\necho '${marker}'`,
    )
    .join('\n')
  const env = { ...process.env, PAYFLOW_DIR: dir, NO_COLOR: '1', FORCE_COLOR: undefined }
  return new Promise((resolveOutputs, reject) => {
    execFile(
      'bash',
      ['--norc', '--noprofile', '-c', script],
      { cwd: root, env },
      (error, stdout, stderr) => {
        if (error) {
          reject(new Error(`${error.message}\n${stdout}\n${stderr}`))
          return
        }
        // A checkout whose lockfile has just changed installs first, and says so.
        const complaints = stderr.replaceAll(/^ *installing dependencies[ .]*$/gm, '').trim()
        if (complaints !== '') reject(new Error(`the commands complained:\n${complaints}`))
        resolveOutputs(stdout.split(`${marker}\n`).map((text) => text.trim()))
      },
    )
  })
}

/** Spaces are layout: a longer id makes a column wider. */
function pattern(output: string): RegExp {
  const lines = output
    .trim()
    .split('\n')
    .map((line) =>
      line
        .trim()
        .split(/(…|\s+)/)
        .map((part) => {
          if (part === '…') return '.+'
          return /^\s+$/.test(part)
            ? '\\s+'
            : part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`)
        })
        .join(''),
    )
  return new RegExp(`^${lines.join('\\s*\\n\\s*')}$`)
}
