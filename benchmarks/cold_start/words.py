"""What the page says, in its two languages."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """Sentences and headings of one language; `{}` fields are filled by `report`."""

    title: str
    other: str
    made: str
    how: str
    size: str
    cost: str
    resumed: str
    terms: str
    method: str
    clear: str
    leaks: str
    protocols: dict[str, str]


_MADE = "<!-- Written by `make bench-report` from benchmarks/results; run the benchmark instead of editing. -->\n"

WORDS = {
    "en": Words(
        title="Benchmark",
        other="[简体中文](benchmark.zh-CN.md)",
        made=_MADE,
        how="NDCG@20 with 95 % intervals over shoppers, families and splits. Every candidate is ranked. Bold: the best "
        "method of a column; `?`: not shown to beat random and popularity. Methods stand with their default options. "
        "What the protocols hide and ask is in [evaluation.md](evaluation.md). `make bench-table` measures, "
        "`make bench-report` writes this page, `make bench-falsify` tries to break our claims.\n",
        size="{users:,} shoppers, {items:,} garments, {events:,} events.",
        cost="Measured on {model}, {cores} cores: {cpu:.0f} processor minutes, {wall:.0f} minutes, {mb:,.0f} MB peak;",
        resumed="Answers kept from an earlier run were used, so these are not the costs of the whole.",
        terms="Splits: {seeds}; at most {users:,} shoppers a question.",
        method="method",
        clear="Leakage audit: clear.",
        leaks="**Leakage audit: leaks found; these figures are too good.**",
        protocols={
            "item-cold": "new garments",
            "user-cold": "new shoppers",
            "both-cold": "new garments for new shoppers",
            "k-shot": "after k events",
            "cross-domain": "known in one domain, new to another",
            "cross-domain-disjoint": "the same, nobody else in both",
            "warm": "known shoppers, known garments",
            "time": "what really came later",
            "mixed": "known and new in one list",
        },
    ),
    "zh": Words(
        title="基准测试",
        other="[English](benchmark.md)",
        made=_MADE,
        how="指标为 NDCG@20,95 % 区间同时考虑顾客、款式和多次划分。所有候选都参与排序。粗体:该列最好的方法;"
        "`?`:未能证明优于随机和热门。各方法均用默认参数。"
        "协议隐藏什么、问什么,见 [evaluation.zh-CN.md](evaluation.zh-CN.md)。"
        "`make bench-table` 负责测量,`make bench-report` 生成本页,`make bench-falsify` 尝试推翻我们的结论。\n",
        size="{users:,} 位顾客,{items:,} 件商品,{events:,} 条事件。",
        cost="测量环境:{model},{cores} 核;处理器 {cpu:.0f} 分钟,历时 {wall:.0f} 分钟,内存最多 {mb:,.0f} MB;",
        resumed="使用了先前运行保留的答案,因此这不是全部成本。",
        terms="划分次数:{seeds};每个问题最多 {users:,} 位顾客。",
        method="方法",
        clear="泄漏检查:未发现。",
        leaks="**泄漏检查:发现泄漏,以下数字偏高。**",
        protocols={
            "item-cold": "新商品",
            "user-cold": "新顾客",
            "both-cold": "新顾客与新商品",
            "k-shot": "k 条事件之后",
            "cross-domain": "熟悉一个领域,初到另一个领域",
            "cross-domain-disjoint": "同上,没有其他顾客同时在两个领域",
            "warm": "老顾客与老商品",
            "time": "日期之后真正出现的",
            "mixed": "新旧商品同列",
        },
    ),
}
