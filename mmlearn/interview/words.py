"""What the interview commands say, in each language."""

from datetime import UTC, datetime, timedelta

WORDS = {
    "en": {
        "minutes": "min",
        "say_it": "Answer aloud, as to an interviewer. Then press Enter (q to stop): ",
        "for_full": "Enter for the full answer: ",
        "score": "What did your answer hold? y or n for each point; be strict.",
        "point": "{number} of {total}, {grade}",
        "yes_no": "said? [y/n] ",
        "only_yes_no": "y or n, please (q to stop)",
        "verdict": "{verdict}: {met} of {total} points. The card comes back {when}.",
        "card": "Card {number} · {due} due",
        "nothing_due": "Nothing is due. The next card comes back {when}.",
        "done": "{count} answered, and kept. {left} more are due now.",
        "done_none_left": "{count} answered, and kept. The next card comes back {when}.",
        "stopped": "Stopped. {count} answered, and kept; the card on screen is not.",
        "now": "now",
        "in_minutes": "in {count} minutes",
        "in_hours": "in {count} hours",
        "tomorrow": "tomorrow",
        "in_days": "in {count} days, on {date}",
        "not yet": "not yet (a pass point is missing)",
        "pass": "pass",
        "strong": "strong",
        "outstanding": "outstanding",
        "mock_title": "Mock interview",
        "mock_plan": "{count} questions in {minutes} minutes, level {level}. The clock runs while you answer, "
        "not while you score. Ctrl-C stops; the sheet so far is saved.",
        "mock_start": "Press Enter to begin: ",
        "mock_question": "Question {number} of {total} · {planned} min · {left} left",
        "mock_answered": "Answer aloud. Enter when you have answered: ",
        "mock_follow_up": "{used} of {planned} · the interviewer asks:",
        "mock_took": "You took {used}; {planned} were planned. The clock stands still: read, then score.",
        "answered_well": "answered well? [y/n] ",
        "time_is_up": "Time is up: {count} questions were not reached.",
        "sheet": "Score sheet: {path}",
        "scored_by_you": "Scored by the candidate, against the rubric of each question.",
        "interrupted": "Interrupted before its end.",
        "not_reached": "not reached",
        "not_scored": "not scored",
        "table": "| question | level | kind | planned | taken | points | follow-ups | result |",
        "total": "**Together:** {met} of {total} points, {passed} of {questions} questions passed, "
        "{used} of {minutes} minutes.",
        "again": "Look again",
        "nothing_again": "Every question that you answered passed.",
        "repeat": "The same questions again: `{command}`",
    },
    "zh": {
        "minutes": "分钟",
        "say_it": "像面对面试官一样说出你的答案，然后按回车（q 退出）：",
        "for_full": "按回车看完整回答：",
        "score": "你的回答里有哪些要点？逐条输入 y 或 n，请严格。",
        "point": "第 {number} 条，共 {total} 条，{grade}",
        "yes_no": "说到了吗？[y/n] ",
        "only_yes_no": "请输入 y 或 n（q 退出）",
        "verdict": "{verdict}：{total} 条中说到 {met} 条。下次出现：{when}。",
        "card": "第 {number} 张卡片 · 到期 {due} 张",
        "nothing_due": "现在没有到期的卡片。下一张：{when}。",
        "done": "答了 {count} 张，已保存。现在还有 {left} 张到期。",
        "done_none_left": "答了 {count} 张，已保存。下一张：{when}。",
        "stopped": "已停止。答了 {count} 张，已保存；屏幕上这一张不算。",
        "now": "现在",
        "in_minutes": "{count} 分钟后",
        "in_hours": "{count} 小时后",
        "tomorrow": "明天",
        "in_days": "{count} 天后（{date}）",
        "not yet": "未通过（缺 pass 要点）",
        "pass": "通过（pass）",
        "strong": "良好（strong）",
        "outstanding": "优秀（outstanding）",
        "mock_title": "模拟面试",
        "mock_plan": "{minutes} 分钟，{count} 道题，级别 {level}。答题时计时，评分时不计时。"
        "按 Ctrl-C 可中断，已完成的部分会保存。",
        "mock_start": "按回车开始：",
        "mock_question": "第 {number} 题，共 {total} 题 · {planned} 分钟 · 剩余 {left}",
        "mock_answered": "说出你的答案，答完按回车：",
        "mock_follow_up": "{used} / {planned} · 面试官追问：",
        "mock_took": "用时 {used}，计划 {planned}。现在停表：先看答案，再评分。",
        "answered_well": "答好了吗？[y/n] ",
        "time_is_up": "时间到：还有 {count} 道题没有问到。",
        "sheet": "评分表：{path}",
        "scored_by_you": "由候选人对照每题的评分标准自评。",
        "interrupted": "中途停止。",
        "not_reached": "没有问到",
        "not_scored": "未评分",
        "table": "| 题目 | 级别 | 类型 | 计划 | 用时 | 得分 | 追问 | 结果 |",
        "total": "**合计：** {total} 分中得 {met} 分，{questions} 题中通过 {passed} 题，{minutes} 分钟中用了 {used}。",
        "again": "再看一遍",
        "nothing_again": "答过的题都通过了。",
        "repeat": "重做同一组题：`{command}`",
    },
}


def say(language: str, phrase: str, **values: object) -> str:
    return WORDS[language][phrase].format(**values)


def when(moment: datetime, language: str, now: datetime | None = None) -> str:
    """A moment to come, as one says it."""
    now = now or datetime.now(UTC)
    left = moment - now
    if left <= timedelta(0):
        return say(language, "now")
    if left < timedelta(minutes=100):
        return say(language, "in_minutes", count=max(2, -(-left // timedelta(minutes=1))))
    if left < timedelta(hours=24):
        return say(language, "in_hours", count=round(left / timedelta(hours=1)))
    days = (moment.astimezone().date() - now.astimezone().date()).days
    if days == 1:
        return say(language, "tomorrow")
    day = moment.astimezone()
    date = f"{day:%d %B %Y}".lstrip("0") if language == "en" else f"{day.year} 年 {day.month} 月 {day.day} 日"
    return say(language, "in_days", count=days, date=date)


def clock(seconds: float) -> str:
    """Minutes and seconds: 12:05."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
