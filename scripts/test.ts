/*
 * `npm test [-- vitest arguments]`: every test on real servers, and a last line that people and
 * machines can read: "N passed, N failed, N skipped".
 */
import { runTests, summaryLine } from './lib/run-tests.ts'

const result = await runTests(process.argv.slice(2))
console.log(`\n${summaryLine(result)}`)
process.exit(result.exitCode)
