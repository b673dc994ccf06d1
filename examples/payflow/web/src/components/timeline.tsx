import { Check, CircleDashed, Radio, X } from 'lucide-react'
import { useEffect, useState } from 'react'
import type { TransactionView } from '@payflow-app/contracts'
import type { LiveEvents } from '../hooks/use-payment-events.ts'
import { elapsed, fullTime } from '../time.ts'
import { acceptedMessage, failureReason } from '../words.ts'

type StepState = 'done' | 'now' | 'ahead' | 'failed'

interface Step {
  readonly state: StepState
  readonly title: string
  readonly detail: string
}

const slowAfterMs = 10_000
const usual = 'Usually within a second.'
const slowly =
  'This takes longer than usual. It ends by itself, completed or failed; nothing is lost.'

/** How far a payment has come. The first step is done as soon as the payment exists at all. */
function stepsOf(payment: TransactionView, { events }: LiveEvents, slow: boolean): readonly Step[] {
  const dispatchedAt = events.find(({ type }) => type === 'dispatched')?.at
  const handedOver = dispatchedAt === undefined ? '' : ` Handed over ${fullTime(dispatchedAt)}.`
  const received: Step = {
    state: 'done',
    title: acceptedMessage,
    detail: fullTime(payment.createdAt),
  }
  const { createdAt, completedAt } = payment
  const took =
    completedAt === undefined
      ? ''
      : `${fullTime(completedAt)} · after ${elapsed(createdAt, completedAt)}`
  switch (payment.status) {
    case 'PENDING':
      return [
        received,
        {
          state: 'now',
          title: 'Pending',
          detail: `${onItsWay(payment)}${handedOver}`,
        },
        { state: 'ahead', title: 'Completed', detail: slow ? slowly : usual },
      ]
    case 'COMPLETED':
      return [
        received,
        { state: 'done', title: 'Processed', detail: 'The money moved, exactly once.' },
        { state: 'done', title: 'Completed', detail: took },
      ]
    case 'FAILED':
      return [
        received,
        { state: 'failed', title: 'Failed', detail: failureReason(payment.failureCode) },
        { state: 'done', title: 'No money moved', detail: took },
      ]
  }
}

function onItsWay({ kind }: TransactionView): string {
  const isSetAside = kind === 'payment' || kind === 'withdrawal'
  return isSetAside ? 'The money is set aside and on its way.' : 'The money is on its way.'
}

const marks: Readonly<Record<StepState, string>> = {
  done: 'bg-good-tint text-good',
  now: 'bg-wait-tint text-wait',
  ahead: 'bg-sunken text-soft',
  failed: 'bg-bad-tint text-bad',
}

export function Timeline(props: { readonly payment: TransactionView; readonly live: LiveEvents }) {
  const [slow, setSlow] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), slowAfterMs)
    return () => clearTimeout(timer)
  }, [])
  const steps = stepsOf(props.payment, props.live, slow)
  return (
    <>
      <ol className='space-y-0' aria-label='Progress of this payment'>
        {steps.map((step, index) => (
          <li key={step.title} className='flex gap-3.5' aria-current={step.state === 'now'}>
            <span className='flex flex-col items-center'>
              <StepMark state={step.state} />
              {index < steps.length - 1 && <span className='w-0.5 flex-1 bg-line' />}
            </span>
            <span className={`min-w-0 pb-5 ${step.state === 'ahead' ? 'text-soft' : ''}`}>
              <span className='block pt-1 leading-6 font-medium'>{step.title}</span>
              <span className='block text-sm text-soft'>{step.detail}</span>
            </span>
          </li>
        ))}
      </ol>
      {props.live.isLive && (
        <p className='mb-4 flex items-center gap-1.5 text-xs text-soft print:hidden'>
          <Radio aria-hidden='true' className='size-3.5 text-good' />
          Live: what happens is shown as it happens.
        </p>
      )}
    </>
  )
}

function StepMark({ state }: { readonly state: StepState }) {
  return (
    <span className={`grid size-8 shrink-0 place-items-center rounded-full ${marks[state]}`}>
      {state === 'done' && <Check aria-hidden='true' className='size-4' strokeWidth={2.5} />}
      {state === 'failed' && <X aria-hidden='true' className='size-4' strokeWidth={2.5} />}
      {state === 'now' && <CircleDashed aria-hidden='true' className='size-4 animate-spin' />}
      {state === 'ahead' && <span className='size-2 rounded-full bg-current opacity-50' />}
    </span>
  )
}
