import { writeFileSync } from 'node:fs'
import { rulesFile } from './src/rules.ts'
import { ruleTestsFile } from './src/cases/index.ts'
writeFileSync('prometheus/rules/payflow.yml', rulesFile())
writeFileSync('prometheus/rules/payflow.test.yml', ruleTestsFile('payflow.yml'))
