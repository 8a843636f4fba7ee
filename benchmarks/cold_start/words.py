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
    fits: str
    missing: str
    method: str
    clear: str
    leaks: str
    twins: str
    twins_how: str
    raw: str
    clean: str
    drop: str
    bars: str
    bars_how: str
    question: str
    ours_recall: str
    ours_ndcg: str
    bar: str
    source: str
    error: str
    short: str
    unmeasured: str
    unasked: str
    unanswered: str
    whole: str
    whole_how: str
    data: str
    hours_fits: str
    hours_rest: str
    guessed: str
    calibration: str
    interval: str
    reasons: dict[str, str]
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
        resumed="A run was killed, or kept answers are older than the account, so these are not the costs of the "
        "whole.",
        terms="Splits: {seeds}; at most {users:,} shoppers a question.",
        fits="One fit of each of the {methods} entrants: {cpu:,.0f} processor seconds together.",
        missing="Planned and not measured yet: {names}. Below is what is measured so far; splits and entrants are "
        "those that each table names.\n",
        method="method",
        clear="Leakage audit: clear.",
        leaks="**Leakage audit: leaks found; these figures are too good.**",
        twins="Sport–Cloth as shipped, and without twins",
        twins_how="One product is often listed in both domains and bought by the same people at once: its listing in "
        "one gives away the other. The audit finds such twins; the second column is measured without them. NDCG@20.",
        raw="as shipped",
        clean="without twins",
        drop="change",
        bars="Baselines against earlier and published figures",
        bars_how="On splits that others drew, with all shoppers: a baseline weaker than elsewhere would make any "
        "method look good. `python -m benchmarks.cold_start.bars` measures. Published figures are of methods that read "
        "each article's text; ours read its tags, so those rows show only that our versions are not broken.",
        question="question",
        ours_recall="Recall@20",
        ours_ndcg="NDCG@20",
        bar="to reach (Recall / NDCG)",
        source="figure",
        error="may be missing",
        short="short",
        unmeasured="not measured",
        unasked="Not asked this: {entrants}.",
        unanswered="Not measured yet: {entrants}.",
        whole="What the whole costs",
        whole_how="From the costs recorded above, every cut, protocol and entrant that is planned, peers too: at "
        "least {hours:.1f} processor hours. A fit counts once for each cut; import, questions, audit and figures as "
        "what the measured part took beside its fits. Entrants without a recorded fit on a data set are taken at the "
        "mean of its others, which is too little for the slow ones.",
        data="data",
        hours_fits="processor hours of fits",
        hours_rest="of the rest",
        guessed="no fit recorded",
        calibration="calibration error of the lists",
        interval="90 % intervals that hold",
        reasons={
            "slow": "minutes of processor time a fit: asked about new garments only",
            "revealed": "as `ease_content` until events of new garments are revealed: asked k-shot only",
            "bridge": "bridges between domains: asked across domains only",
            "few": "learn to learn from a few events: asked k-shot only",
            "meta": "learn to learn from a few events: [meta.md](meta.md)",
            "ids": "read what garments are like, and here are ids only",
        },
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
        resumed="有运行被强制终止,或使用了更早保留的答案,因此这不是全部成本。",
        terms="划分次数:{seeds};每个问题最多 {users:,} 位顾客。",
        fits="{methods} 个参赛者各拟合一次:共 {cpu:,.0f} 处理器秒。",
        missing="已计划但尚未测量:{names}。以下为目前测得的部分:划分次数与参赛者以各表所注为准。\n",
        method="方法",
        clear="泄漏检查:未发现。",
        leaks="**泄漏检查:发现泄漏,以下数字偏高。**",
        twins="Sport–Cloth:原始数据与去除孪生商品之后",
        twins_how="同一商品常在两个领域各有一个条目,由同一批人同时购买:一个条目泄露了另一个。检查会找出这些孪生条目,"
        "第二列是去除之后测得的结果。指标为 NDCG@20。",
        raw="原始",
        clean="去除孪生",
        drop="变化",
        bars="基线与先前及已发表的数字",
        bars_how="在他人给出的划分上,询问全部顾客:基线若比别处弱,任何方法都会显得好。"
        "由 `python -m benchmarks.cold_start.bars` 测量。已发表的数字来自读取文章正文的方法,我们读取的是标签,"
        "因此这些行只说明我们的实现没有坏。",
        question="问题",
        ours_recall="Recall@20",
        ours_ndcg="NDCG@20",
        bar="应达到(Recall / NDCG)",
        source="数字来源",
        error="允许差距",
        short="未达到",
        unmeasured="未测量",
        unasked="不参加此项:{entrants}。",
        unanswered="尚未测量:{entrants}。",
        whole="全部成本",
        whole_how="按上文记录的成本估算,包括计划中的每次划分、每个协议和每个参赛者(含其他项目的模型):至少 {hours:.1f} "
        "处理器小时。每次划分只计一次拟合;导入、提问、检查和统计按已测部分在拟合之外的耗时计。"
        "某数据集上没有拟合记录的参赛者按该数据集其余参赛者的平均值计,对慢的偏低。",
        data="数据",
        hours_fits="拟合(处理器小时)",
        hours_rest="其余(处理器小时)",
        guessed="无拟合记录",
        calibration="列表的校准误差",
        interval="成立的 90 % 区间",
        reasons={
            "slow": "每次拟合需数分钟处理器时间:只回答新商品问题",
            "revealed": "在新商品的事件公开之前与 `ease_content` 相同:只参加 k-shot",
            "bridge": "领域之间的桥:只参加跨领域",
            "few": "学习如何从少量事件中学习:只参加 k-shot",
            "meta": "学习如何从少量事件中学习:见 [meta.zh-CN.md](meta.zh-CN.md)",
            "ids": "依靠商品内容,而这里只有编号",
        },
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
